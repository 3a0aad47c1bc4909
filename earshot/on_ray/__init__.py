"""Analysis on a Ray cluster: `earshot build --ray`."""
