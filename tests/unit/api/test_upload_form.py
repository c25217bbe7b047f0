from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP

from airflow_provider_iqm.api.upload_form import UploadForm


def test_the_form_survives_a_round_trip():
    form = UploadForm(fields={"name": "Frodo\r\nß"}, file_name='a"b.csv', media_type="text/csv")
    body = form.prefix + b"x,y\r\n1,2" + form.suffix
    message = message_from_bytes(b"Content-Type: " + form.content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    field, file = message.iter_parts()
    assert field.get_param("name", header="content-disposition") == "name"
    assert field.get_payload(decode=True).decode() == "Frodo\r\nß"
    assert file.get_filename() == "a%22b.csv"
    assert file.get_content_type() == "text/csv"
    assert file.get_payload(decode=True) == b"x,y\r\n1,2"


def test_each_form_has_its_own_boundary():
    forms = [UploadForm(fields={}, file_name="f", media_type="text/csv") for _ in range(2)]
    assert forms[0].boundary != forms[1].boundary
