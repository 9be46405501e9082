"""The HTTP side: routes, listening, authentication, the page for people."""
