"""Members of audiences and holders of traits as CSV files."""
