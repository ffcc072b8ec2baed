# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  auth_url:
    description:
      - The address of Keystone, such as C(https://pcd.example.com/keystone/v3). With or without C(/v3) at its end.
      - If not set, the environment variable E(OS_AUTH_URL) is used.
      - Not needed where O(token) and O(image_endpoint_override) are both given.
    type: str
  cloud:
    description:
      - The name of an entry of C(clouds.yaml), whose values are used for what no option says. They go before C(OS_*)
        variables.
      - The file is the one that the environment variable E(OS_CLIENT_CONFIG_FILE) names, or else the first of
        C(clouds.yaml) in the current folder, in C(~/.config/openstack) and in C(/etc/openstack). Secrets may stand
        in C(secure.yaml) beside it or in one of these folders, or in the file that E(OS_CLIENT_SECURE_FILE) names.
      - If not set, the environment variable E(OS_CLOUD) is used. The values of that entry are used for what neither an
        option nor an C(OS_*) variable says.
      - If neither is set, and neither options nor variables say where or as whom to log in, the only entry of the file
        is used.
    type: str
  token:
    description:
      - A token that Keystone has issued.
      - If not set, the environment variable E(OS_TOKEN) or E(OS_AUTH_TOKEN) is used.
    type: str
  username:
    description:
      - The name of the user.
      - If not set, the environment variable E(OS_USERNAME) is used.
    type: str
  user_id:
    description:
      - The id of the user, in the place of O(username) and its domain.
      - If not set, the environment variable E(OS_USER_ID) is used.
    type: str
  password:
    description:
      - The password of the user.
      - If not set, the environment variable E(OS_PASSWORD) is used.
    type: str
  passcode:
    description:
      - The one-time passcode (TOTP) of an account with a second factor, together with O(password).
      - If not set, the environment variable E(OS_PASSCODE) is used.
    type: str
  user_domain_name:
    description:
      - The name of the user's domain.
      - If not set, the environment variable E(OS_USER_DOMAIN_NAME) is used, or E(OS_DOMAIN_NAME) or E(OS_DOMAIN_ID),
        which are for user and project. Where no domain is known, it is the one with the id V(default).
    type: str
  user_domain_id:
    description:
      - The id of the user's domain.
      - If not set, the environment variable E(OS_USER_DOMAIN_ID) is used.
    type: str
  project_name:
    description:
      - The name of the project to work in.
      - If not set, the environment variable E(OS_PROJECT_NAME) is used.
    type: str
  project_id:
    description:
      - The id of the project to work in, in the place of O(project_name) and its domain.
      - If not set, the environment variable E(OS_PROJECT_ID) is used.
    type: str
  project_domain_name:
    description:
      - The name of the project's domain.
      - If not set, the environment variable E(OS_PROJECT_DOMAIN_NAME) is used, or E(OS_DOMAIN_NAME) or
        E(OS_DOMAIN_ID), which are for user and project. Where no domain is known, it is the one with the id
        V(default).
    type: str
  project_domain_id:
    description:
      - The id of the project's domain.
      - If not set, the environment variable E(OS_PROJECT_DOMAIN_ID) is used.
    type: str
  application_credential_id:
    description:
      - The id of an application credential, which is the way recommended for automation. It is bound to its
        project.
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_ID) is used.
    type: str
  application_credential_name:
    description:
      - The name of an application credential, together with O(username) or O(user_id).
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_NAME) is used.
    type: str
  application_credential_secret:
    description:
      - The secret of the application credential.
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_SECRET) is used.
    type: str
  region_name:
    description:
      - The region whose image service is used. Needed where the catalogue of Keystone has several.
      - If not set, the environment variable E(OS_IMAGE_REGION_NAME) or E(OS_REGION_NAME) is used.
    type: str
  interface:
    description:
      - Which endpoint of the catalogue is used.
      - If not set, the environment variable E(OS_IMAGE_INTERFACE), E(OS_IMAGE_ENDPOINT_TYPE), E(OS_INTERFACE) or
        E(OS_ENDPOINT_TYPE) is used. Where nothing is set, it is V(admin), or V(public) where the catalogue has no admin
        endpoint. On PCD the admin endpoint is the image library, which holds the data that machines boot from.
    type: str
    choices: [admin, internal, public]
  image_endpoint_override:
    description:
      - The address of the image service, in the place of the one in the catalogue. With or without C(/v2) at its
        end.
      - Together with O(token) no request is made to Keystone.
      - If not set, the environment variable E(OS_IMAGE_ENDPOINT_OVERRIDE) is used.
    type: str
  validate_certs:
    description:
      - Whether the certificates of the cloud are verified. Switching this off gives a warning at each run.
      - If not set, they are verified unless the environment variable E(OS_INSECURE) is true, or C(verify) is false
        in C(clouds.yaml).
    type: bool
  ca_cert:
    description:
      - A file with the certificates of the authorities to trust. A relative path begins at the folder of the playbook,
        or where the module runs on another host.
      - If not set, the environment variable E(OS_CACERT) is used, and after C(clouds.yaml) also
        E(REQUESTS_CA_BUNDLE).
    type: path
  client_cert:
    description:
      - A file with a client certificate, and its key unless O(client_key) names it.
      - If not set, the environment variable E(OS_CERT) is used.
    type: path
  client_key:
    description:
      - A file with the key of the client certificate.
      - If not set, the environment variable E(OS_KEY) is used.
    type: path
  timeout:
    description:
      - The seconds to wait for the next byte of an answer. For a connection it is at most 10 of them.
    type: float
    default: 60
  retries:
    description:
      - How often a request that only reads is sent again after a broken connection, an answer that says the service is
        busy (408, 429, 500, 502, 503, 504, and 413 with C(Retry-After)), or one that is empty or cut short.
      - A request that changes something is sent again where it has reached nobody, or where a look shows that it was
        not done. Pauses grow and are random; C(Retry-After) is heeded up to 30 seconds.
    type: int
    default: 4
  deadline:
    description:
      - The seconds after which a request is not repeated any more, however many O(retries) are left. They are counted
        from its first attempt.
    type: float
    default: 120
requirements:
  - requests
  - PyYAML, to read clouds.yaml (ansible-core brings it along on the control node)
notes:
  - "An option goes before the entry of C(clouds.yaml) that O(cloud) names, that before an C(OS_*) variable, and that
    before the entry that E(OS_CLOUD) names. What only makes sense together comes from one of these: the first that
    holds a secret decides how to log in, a project given as an option is not mixed with one of the environment, and
    variables of another login are not mixed into the entry that a task names."
  - Where the service refuses, the failed task also returns C(status), C(request_id), C(method) and C(url) of its
    answer.
  - The proxies of the environment (E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY)) are used. Redirects are not
    followed.
"""
