"""What a file is, and its plain form: UTF-8 CSV with commas, or a workbook."""
