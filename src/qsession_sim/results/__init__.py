"""What a run leaves behind: tables, summary, and both on disk."""
