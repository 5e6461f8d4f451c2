"""sim (see ARCHITECTURE.md)."""
