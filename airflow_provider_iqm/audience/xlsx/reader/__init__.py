"""The reader of XLSX workbooks that runs in a subprocess: streaming, with bounded memory."""
