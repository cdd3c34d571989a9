"""Labelled pictures of any known layout become one kind of record, and are checked before anyone learns."""
