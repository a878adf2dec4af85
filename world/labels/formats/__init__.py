"""Writers of labelled drives for other programs, one format per file. They work in one pass, record by record, so that memory stays flat."""
