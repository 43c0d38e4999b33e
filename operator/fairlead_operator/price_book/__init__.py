"""The price book: what models cost by list, from the genai-prices package, for models whose owner gives no price."""
