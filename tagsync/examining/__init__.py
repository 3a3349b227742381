"""Check how an account's API behaves where ImageKit's documentation is silent or contradicts itself."""
