"""The subcommands of `earshot evaluate`, one a module."""
