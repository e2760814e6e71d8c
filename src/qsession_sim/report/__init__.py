"""What is shown of runs and studies."""
