"""The command line `bench`: thin functions around the packages that do the work."""
