"""The REST side under /v2: `app` joins the parts, `envelope` has the shapes that all of them use."""
