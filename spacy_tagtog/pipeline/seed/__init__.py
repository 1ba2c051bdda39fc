"""The seed model: named entities from a handful of documents."""
