"""People sign in at an identity provider of the operator's choice (OpenID Connect)."""
