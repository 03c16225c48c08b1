"""What the programs define themselves in place of a library (nodes/link/interposed) is what the library calls."""

import re
import subprocess

from support import BIN, TestCase

#: The library that calls it, and what it calls: its own or another library's function.
CALLED = {
    ("libcaf_openssl", "SSL_read"), ("libcaf_openssl", "SSL_write"),
    ("libcaf_openssl", "SSL_connect"), ("libcaf_openssl", "SSL_accept"),
    ("libcaf_openssl", "_ZN3caf7openssl7session18create_ssl_contextEv"),
    ("libcaf_openssl", "_ZN3caf2io7network6stream19handle_write_resultENS1_8rw_stateEm"),
    ("libcaf_openssl", "_ZN3caf2io7network6stream18handle_read_resultENS1_8rw_stateEm"),
    ("libcaf_io", "_ZN3caf2io4basp5validERKNS1_6headerE"),
    ("libcaf_io", "_ZN3caf2io4basp8instance5writeEPNS_14execution_unitERSt6vectorIcSaIcEERNS1_6headerEPNS_8callbackIJ"
                  "RNS_10serializerEEEE"),
    ("libcaf_io", "_ZN3caf2io4basp8instance22write_client_handshakeEPNS_14execution_unitERSt6vectorIcSaIcEEh"),
    ("libcaf_io", "_ZN3caf6policy3tcp10try_acceptERii"),
    ("libcaf_io", "_ZN3caf2io4basp13message_queue4pushEPNS_14execution_unitEmNS_13intrusive_ptrINS_19actor_control_block"
                  "EEESt10unique_ptrINS_15mailbox_elementENS_6detail8disposerEE"),
    ("libcaf_io", "_ZN3caf2io4basp8instance7forwardEPNS_14execution_unitERKNS_7node_idERKNS1_6headerERSt6vectorIcSaIcEE"),
    ("libcaf_io", "_ZN3caf2io4basp13routing_table12add_indirectERKNS_7node_idES5_"),
    ("libcaf_io", "_ZN3caf2io11basp_broker16learned_new_nodeERKNS_7node_idE"),
    # By the tables of virtual functions.
    ("libcaf_io", "_ZN3caf17monitorable_actor8add_linkEPNS_14abstract_actorE"),
    ("libcaf_core", "_ZN3caf17monitorable_actor8add_linkEPNS_14abstract_actorE"),
}


def output(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, timeout=60).stdout


class Interposed(TestCase):
    def test_each_is_called_and_found_first(self):
        for program in (BIN / "trouped", BIN / "troupe"):
            libraries = dict(re.findall(r"(libcaf_\w+)\.so\S* => (\S+)", output("ldd", program)))
            exported = {line.split()[-1].split("@")[0] for line in output("nm", "-D", "--defined-only", program)
                        .splitlines()}
            for library, symbol in sorted(CALLED):
                with self.subTest(f"{program.name}: {symbol}"):
                    self.assertTrue(symbol in exported, "the program does not define it for the library")
                    # Through the procedure linkage table, or by an address that is looked up like it.
                    calls = {line.split()[4].split("@")[0] for line in output("readelf", "-rW", libraries[library])
                             .splitlines() if "JUMP_SLO" in line or "GLOB_DAT" in line or "X86_64_64" in line}
                    self.assertTrue(symbol in calls, f"{library} does not look it up any more")
