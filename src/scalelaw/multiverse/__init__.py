"""How far an exponent depends on choices that can be defended: all of them are fitted."""
