"""One module per step, in order; a step that was released does not change."""
