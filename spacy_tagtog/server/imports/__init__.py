"""What is uploaded, in any format, as documents."""
