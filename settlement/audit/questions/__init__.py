"""Questions, one module a group of them. Each is a function of a session and filters that answers with an
`Answer`."""
