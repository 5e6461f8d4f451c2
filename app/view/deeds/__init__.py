"""What a person can do with what is open: one file an idea; `application.Application` has them all."""
