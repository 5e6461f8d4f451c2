"""app (see ARCHITECTURE.md)."""
