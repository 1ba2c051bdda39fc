"""One look for every HTML page: templates with everything escaped, a style sheet, colours."""
