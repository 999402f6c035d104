"""The pages about packages."""
