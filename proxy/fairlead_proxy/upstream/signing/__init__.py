"""What a request proves itself with, where a key is not simply a header."""
