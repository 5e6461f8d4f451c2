"""usd_io (see ARCHITECTURE.md)."""
