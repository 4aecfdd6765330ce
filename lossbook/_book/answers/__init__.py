"""The answers to the book's exercises: one module a part of the book."""
