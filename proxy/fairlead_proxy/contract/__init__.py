"""The documents that pass between the two houses: configuration down, duties and reports."""
