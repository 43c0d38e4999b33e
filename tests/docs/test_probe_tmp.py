import pytest, urllib.request, urllib.error
from docs.conftest import *
from google import genai
from google.genai import types
pytestmark = pytest.mark.filterwarnings("ignore")
def test_x(guides_house, capsys):
    h=guides_house
    with capsys.disabled():
        for p in SERVED_BY:
          for hd in ("x-goog-api-key","x-api-key","api-key"):
            try:
                print(p, hd, urllib.request.urlopen(urllib.request.Request(h.host+"/v1beta/models",headers={hd:key_of(p)})).read()[:300])
            except urllib.error.HTTPError as e: print(p, hd, e.code)
        print(h.gateway.status_of("ModelGateway","default","main"))
        print(h.gateway.log.read_text()[-3000:])
        import os
        print({k:v for k,v in os.environ.items() if 'GOOG' in k or 'GEMINI' in k})
        import socket,threading
        s=socket.socket(); s.bind(("127.0.0.1",0)); s.listen()
        def run():
            c,_=s.accept(); print(c.recv(4000)); c.close()
        threading.Thread(target=run).start()
        try:
            genai.Client(api_key=key_of("gemini"),http_options=types.HttpOptions(base_url=f"http://127.0.0.1:{s.getsockname()[1]}"),vertexai=False).models.generate_content(model="smart",contents="a")
        except Exception as e: print(repr(e))
