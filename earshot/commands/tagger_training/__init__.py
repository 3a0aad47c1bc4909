"""What `earshot train-tagger` is made of."""
