"""The rules once more, written from their text alone: slow, and meant to be obviously right."""
