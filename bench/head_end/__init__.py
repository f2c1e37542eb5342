"""The head-end (HES and MDMS): collects, verifies, finds what is missing, asks again, stores."""
