"""The subcommands of `earshot tags`."""
