# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  auth_url:
    description:
      - The URL of Keystone, such as C(https://pcd.example.com/keystone/v3), with or without C(/v3) at its end.
      - If not set, the environment variable E(OS_AUTH_URL) is used.
      - Not required if O(token) and O(image_endpoint_override) are both given.
    type: str
  cloud:
    description:
      - The name of an entry of C(clouds.yaml). Its values are used for options that are not given, and take precedence
        over C(OS_*) variables.
      - E(OS_CLIENT_CONFIG_FILE) names the file. If it is not set, the first C(clouds.yaml) in the current folder, in
        C(~/.config/openstack) or in C(/etc/openstack) is used. Secrets can be kept in C(secure.yaml) in one of these
        folders or next to C(clouds.yaml), or in the file that E(OS_CLIENT_SECURE_FILE) names.
      - If not set, the environment variable E(OS_CLOUD) is used. The values of that entry are used only for what is
        given neither by an option nor by an C(OS_*) variable.
      - If neither is set, and neither options nor variables give an address or credentials, the file is used if it has
        only one entry.
    type: str
  application_credential_id:
    description:
      - The id of an application credential. An application credential is recommended for automation. It is bound to
        its project.
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_ID) is used.
    type: str
  application_credential_name:
    description:
      - The name of an application credential. It requires O(username) or O(user_id).
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_NAME) is used.
    type: str
  application_credential_secret:
    description:
      - The secret of the application credential.
      - If not set, the environment variable E(OS_APPLICATION_CREDENTIAL_SECRET) is used.
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
      - The id of the user, instead of O(username) and its domain.
      - If not set, the environment variable E(OS_USER_ID) is used.
    type: str
  password:
    description:
      - The password of the user.
      - If not set, the environment variable E(OS_PASSWORD) is used.
    type: str
  passcode:
    description:
      - The one-time passcode (TOTP) of an account with a second factor, in addition to O(password).
      - If not set, the environment variable E(OS_PASSCODE) is used.
    type: str
  user_domain_name:
    description:
      - The name of the user's domain.
      - If not set, the environment variable E(OS_USER_DOMAIN_NAME) is used. Otherwise E(OS_DOMAIN_NAME) or
        E(OS_DOMAIN_ID) is used, which apply to both user and project. The default is the domain with the id V(default).
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
      - The id of the project to work in, instead of O(project_name) and its domain.
      - If not set, the environment variable E(OS_PROJECT_ID) is used.
    type: str
  project_domain_name:
    description:
      - The name of the project's domain.
      - If not set, the environment variable E(OS_PROJECT_DOMAIN_NAME) is used. Otherwise E(OS_DOMAIN_NAME) or
        E(OS_DOMAIN_ID) is used, which apply to both user and project. The default is the domain with the id V(default).
    type: str
  project_domain_id:
    description:
      - The id of the project's domain.
      - If not set, the environment variable E(OS_PROJECT_DOMAIN_ID) is used.
    type: str
  region_name:
    description:
      - The region of the image service. Required if the catalogue of Keystone has several regions.
      - If not set, the environment variable E(OS_IMAGE_REGION_NAME) or E(OS_REGION_NAME) is used.
    type: str
  interface:
    description:
      - Which endpoint of the catalogue is used.
      - If not set, the environment variable E(OS_IMAGE_INTERFACE), E(OS_IMAGE_ENDPOINT_TYPE), E(OS_INTERFACE) or
        E(OS_ENDPOINT_TYPE) is used. The default is V(admin), or V(public) if the catalogue has no admin endpoint. On
        PCD, the admin endpoint is the image library endpoint, which holds the data that instances boot from.
    type: str
    choices: [admin, internal, public]
  image_endpoint_override:
    description:
      - The URL of the image service, instead of the one in the catalogue, with or without C(/v2) at its end.
      - Together with O(token), no request is made to Keystone.
      - If not set, the environment variable E(OS_IMAGE_ENDPOINT_OVERRIDE) is used.
    type: str
  validate_certs:
    description:
      - Whether the certificates of the cloud are verified. V(false) causes a warning in each run.
      - If not set, they are verified unless the environment variable E(OS_INSECURE) is true, or C(verify) is false in
        C(clouds.yaml). The variable is ignored if the task names a O(cloud) and the variables belong to other
        credentials.
    type: bool
  ca_cert:
    description:
      - A file with the certificates of the trusted authorities. A relative path starts at the folder of the playbook,
        or at the current folder of the module if it runs on another host.
      - If not set, the environment variable E(OS_CACERT) is used, and then C(cacert) in C(clouds.yaml); the other way
        round for a O(cloud) that the task names. If neither names a file, E(REQUESTS_CA_BUNDLE) is used, and then
        E(CURL_CA_BUNDLE).
    type: path
  client_cert:
    description:
      - A file with a client certificate. The file also contains the key, unless O(client_key) is given.
      - If not set, the environment variable E(OS_CERT) is used, under the same condition as for O(validate_certs).
    type: path
  client_key:
    description:
      - A file with the key of the client certificate.
      - If not set, the environment variable E(OS_KEY) is used, under the same condition as for O(validate_certs).
    type: path
  timeout:
    description:
      - The maximum number of seconds to wait for the next byte of an answer. A connection must be made within 10
        seconds, or within this time if it is shorter.
    type: float
    default: 60
  retries:
    description:
      - How often a request that only reads is repeated after a transient error. Transient errors are a broken
        connection, an answer with the status 408, 429, 500, 502, 503 or 504 (or 413 with C(Retry-After)), and an answer
        that is empty or incomplete.
      - A request that changes something is repeated only if it has not reached the service, or if a check shows that
        the change was not made.
      - The pauses between attempts grow, and their length is random. C(Retry-After) is respected up to 30 seconds.
    type: int
    default: 4
  deadline:
    description:
      - The number of seconds after which a request is no longer repeated, even if O(retries) are left. The time starts
        with the first attempt.
    type: float
    default: 120
requirements:
  - requests >= 2.28
  - PyYAML, to read clouds.yaml (ansible-core installs it on the control node)
notes:
  - "Precedence: an option, then the entry of C(clouds.yaml) that O(cloud) names, then an C(OS_*) variable, then the
    entry that E(OS_CLOUD) names."
  - "Values that belong together come from one source. The first source that holds a secret decides how to authenticate.
    A project that is given as an option is not mixed with a project from the environment. Variables for other
    credentials are not mixed into an entry that a task names."
  - If the service refuses a request, the failed task also returns C(status), C(request_id), C(method) and C(url).
  - Proxies from the environment (E(HTTPS_PROXY), E(HTTP_PROXY), E(NO_PROXY)) are used. Redirects of the cloud are not
    followed.
seealso:
  - ref: ansible_collections.platform9.pcd.docsite.guide_getting_started
    description: From the RC file of a project to the first image.
  - ref: ansible_collections.platform9.pcd.docsite.guide_cookbook
    description: Recipes for common jobs, complete enough to copy.
  - ref: ansible_collections.platform9.pcd.docsite.guide_authentication
    description: The connection options and the sources of their values.
  - ref: ansible_collections.platform9.pcd.docsite.guide_awx
    description: Job templates, surveys and credentials in AWX and Tower.
  - ref: ansible_collections.platform9.pcd.docsite.guide_controller
    description: In which process a task runs, and the variables C(platform9_pcd_*) that change it.
  - ref: ansible_collections.platform9.pcd.docsite.guide_troubleshooting
    description: Messages, their causes and what to do.
"""
