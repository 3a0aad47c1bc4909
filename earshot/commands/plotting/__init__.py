"""The subcommands of `earshot plot`."""
