"""People: the `simrun` command and the session it drives (see ARCHITECTURE.md). Import from the modules directly."""
