"""How models are taught from labelled pictures: the embedded one as a whole, any other by an adapter."""
