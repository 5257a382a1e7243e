"""The rules of points, sales and returns: pure, exact, without time or database of their own."""
