"""The steps of the schema, applied when a catalogue is opened."""
