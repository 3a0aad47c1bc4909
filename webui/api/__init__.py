"""The API of `/api/v1`: one module per resource, described to programs as OpenAPI 3.1.

To add an endpoint:

1. In the module of its resource make, or find, the blueprint: `api = blueprint("tracks")` of
   `webui.api.openapi`; `webui.app` registers it with `app.register_api`.
2. Describe what it takes as a pydantic model and annotate the view's `path`, `query` or `body` with
   it. Fields come from `webui.api.parameters`, so that a refusal is a sentence that names them.
3. Describe what it answers as a model of `webui.api.schemas`, or one beside the view, and name it
   with every problem it can have: `responses={200: Track, **problems(404)}`. What every endpoint
   can answer, 400, 401 and 503, is named by `blueprint`. What writes takes `security=WRITES` too.
4. Answer with `answer(model)`; refuse by raising one of `werkzeug.exceptions` with a sentence.

The view's name is the operation's id, and its docstring what the document says of it.
"""
