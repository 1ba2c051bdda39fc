"""The page on which admins of all projects manage who may log in, as ``spacy-tagtog user`` does."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from spacy_tagtog.errors import LocalServerError
from spacy_tagtog.server._errors import RequestError
from spacy_tagtog.server.api.context import Call
from spacy_tagtog.server.db.members import drop_member, roles_of_users, set_member
from spacy_tagtog.server.db.projects import list_projects
from spacy_tagtog.server.db.users import is_admin, list_users, new_password, remove_user, store_user
from spacy_tagtog.server.web import pages
from spacy_tagtog.server.web.frame import page
from spacy_tagtog.server.web.login import identity_of

_PURPOSE = "people"
_NO_ROLE = "none"


def _need_admin(call: Call) -> None:
    if not (call.operator or call.database.read(is_admin, call.user)):
        raise RequestError(
            403,
            "only admins of every project may manage people",
            value=call.user,
            legal="who runs the server, and users added with admin",
            advice="ask one of them",
        )


def _shown(
    call: Call, *, problem: str = "", done: str = "", password: str = "", status: int = 200
) -> Response:
    with call.database.reading() as connection:
        roles = roles_of_users(connection)
        persons = [
            pages.Person(name, admin, roles.get(name, {}), name == call.user and not call.operator)
            for name, admin in list_users(connection)
        ]
        projects = ["/".join(one) for one in list_projects(connection)]
    html = pages.people_page(
        persons, projects, call.token(_PURPOSE), problem=problem, done=done, password=password
    )
    return page(html, status=status)


def _refused(call: Call, error: LocalServerError) -> Response:
    problem = error.problem + (f". Possible: {error.legal}" if error.legal else "")
    return _shown(call, problem=problem, status=error.status if isinstance(error, RequestError) else 400)


def _check(call: Call) -> str:
    """Make sure that an admin sent a form of the page. Gives the name of the user that it is about."""
    _need_admin(call)
    call.check_token(_PURPOSE)
    return call.field("name").strip()


def _check_known(call: Call, name: str) -> None:
    if name not in (user for user, _ in call.database.read(list_users)):
        raise RequestError(404, f"there is no user {name}", legal="a user of this server")


def get_people(call: Call) -> Response:
    """``GET /-local/people``: all users and their roles."""
    _need_admin(call)
    return _shown(call)


async def post_add(call: Call) -> Response:
    """``POST /-local/people/add``: add a user, with a password that is made and shown once."""
    name = await run_in_threadpool(_check, call)
    admin = call.body.fields.get("admin") == "yes"
    made = new_password()

    def store() -> Response:
        with call.database.writing() as connection:
            if name in (user for user, _ in list_users(connection)):
                raise RequestError(409, f"there is a user {name} already", legal="a new name")
            store_user(connection, name, hashed, admin=admin)
        return _shown(call, done=f"{name} was added.", password=made)

    try:
        hashed = await identity_of(call).hash(name, made)
        return await run_in_threadpool(store)
    except LocalServerError as error:
        return await run_in_threadpool(_refused, call, error)


async def post_password(call: Call) -> Response:
    """``POST /-local/people/password``: make a new password, which ends the user's sessions."""
    name = await run_in_threadpool(_check, call)
    made = new_password()

    def store() -> Response:
        with call.database.writing() as connection:
            if name not in (user for user, _ in list_users(connection)):
                raise RequestError(404, f"there is no user {name}", legal="a user of this server")
            store_user(connection, name, hashed)
        return _shown(call, done=f"{name} has a new password.", password=made)

    try:
        await run_in_threadpool(_check_known, call, name)
        hashed = await identity_of(call).hash(name, made)
        return await run_in_threadpool(store)
    except LocalServerError as error:
        return await run_in_threadpool(_refused, call, error)


def post_remove(call: Call) -> Response:
    """``POST /-local/people/remove``: remove a user. What the user annotated stays."""
    name = _check(call)
    try:
        if name == call.user and not call.operator:
            raise RequestError(409, "you can't remove yourself here", legal="another user")
        call.database.write(remove_user, name)
    except LocalServerError as error:
        return _refused(call, error)
    return _shown(call, done=f"{name} was removed.")


def post_role(call: Call) -> Response:
    """``POST /-local/people/role``: give a user a role in a project, or none."""
    name = _check(call)
    owner, _, project = call.field("project").partition("/")
    role = call.field("role")
    try:
        if role == _NO_ROLE:
            call.database.write(drop_member, owner, project, name)
            return _shown(call, done=f"{name} is no member of {owner}/{project} any more.")
        call.database.write(set_member, owner, project, name, role)
    except LocalServerError as error:
        return _refused(call, error)
    return _shown(call, done=f"{name} is {role} of {owner}/{project}.")
