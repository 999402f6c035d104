"""The pages for people without an account, and about them."""
