"""What every other room stands on: the tables of a store, their migrations, and the statements that fill them."""
