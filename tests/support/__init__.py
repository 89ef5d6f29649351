"""What the tests share: servers, and one test body for both interfaces."""
