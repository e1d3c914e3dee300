"""Revenue sharing agreements: their documents, what they come to, and statements of it."""
