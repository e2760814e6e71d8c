"""The rules over columns of int64, compiled where they were built: what it does not do, `why_not` refuses."""
