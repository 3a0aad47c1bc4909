"""What `train_tagger.py` is made of."""
