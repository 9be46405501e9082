"""Everything that talks to AWS: sessions, listing, discovery, and what its errors mean."""
