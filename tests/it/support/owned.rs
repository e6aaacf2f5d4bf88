//! What people set up for their workspaces: places, and clients that they register in a page.

use diesel_async::SimpleAsyncConnection;
use portcullis::http::urls;
use portcullis::identity::add_person::NewPerson;
use reqwest::Method;

use super::answer::Form;
use super::app::{Node, TestApp, with_form};
use super::{Answer, Browser, Client};

/// Everybody may do everything at every server: what else keeps them out is what a test is about.
pub const EVERYBODY: &str = r#"
    INSERT INTO policies (id, name, rules, created_at, changed_at)
    VALUES (gen_random_uuid(), 'everybody', '[{"effect":"allow","server":"*","methods":["*"],"tools":["*"],"prompts":["*"],"resources":["*"]}]', now(), now())
    ON CONFLICT DO NOTHING;
    INSERT INTO policy_groups (policy_id, group_name) SELECT id, 'everyone' FROM policies WHERE name = 'everybody' ON CONFLICT DO NOTHING;"#;

/// Where answers of a client that was registered in a page usually go.
pub const NOTES_CALLBACK: &str = "https://notes.example/callback";

impl TestApp {
    /// Somebody who administers the installation, signed in.
    pub async fn root(&self) -> Browser {
        let person = NewPerson { username: "root".to_owned(), is_admin: true, ..NewPerson::default() };
        let root = self.add(person).await;
        root.sign_in().await;
        root
    }

    /// Somebody signed in who is this in the workspace that everybody is in.
    pub async fn in_workspace(&self, username: &str, role: &str) -> Browser {
        let person = self.person(username).await;
        let user = person.user;
        self.sql(&format!("UPDATE workspace_members SET role = '{role}' WHERE user_id = '{user}'")).await;
        self.app().access.forget_subjects();
        person.sign_in().await;
        person
    }

    /// Changes the database past the server, which then reads again where things are.
    pub async fn sql(&self, statements: &str) {
        self.write(async |conn| conn.batch_execute(statements).await).await;
        let app = self.app();
        app.places.reload(&app.db).await.unwrap();
        app.servers.reload(&app.db, &app.keys).await.unwrap();
        app.access.reload_policies(&app.db).await.unwrap();
    }

    /// Everybody may do this, as one rule says.
    pub async fn allow(&self, rule: &str) {
        self.sql(&format!(
            "INSERT INTO policies (id, name, rules, created_at, changed_at)
             VALUES (gen_random_uuid(), 'of everyone ' || (SELECT count(*) FROM policies), '[{rule}]', now(), now());
             INSERT INTO policy_groups (policy_id, group_name)
             SELECT id, 'everyone' FROM policies WHERE name LIKE 'of everyone %' ON CONFLICT DO NOTHING;"
        ))
        .await;
    }

    /// Everybody may do everything at every server.
    pub async fn allow_everything(&self) {
        self.sql(EVERYBODY).await;
    }

    /// The id of the row of that name.
    pub async fn id_of(&self, table: &str, name: &str) -> String {
        let rows = super::witness::rows(&self.database().url);
        let row = rows.iter().find(|(of, row)| of == table && row.contains(name)).expect("a row of that name");
        row.1.split(['(', ',']).find(|part| part.len() == 36).expect("it begins with its id").to_owned()
    }

    /// A project of the workspace that everybody is in, and a server in it; and another server beside it.
    pub async fn project_with_server(&self) {
        self.sql(
            "INSERT INTO places (id, kind, parent_id, name, title, created_at)
             SELECT gen_random_uuid(), 'project', id, 'apps', 'Apps', now() FROM places;
             INSERT INTO servers (id, name, url, place_id, created_at)
             SELECT gen_random_uuid(), 'within', 'https://within.example/mcp', id, now() FROM places WHERE name = 'apps';
             INSERT INTO servers (id, name, url, place_id, created_at)
             SELECT gen_random_uuid(), 'beside', 'https://beside.example/mcp', id, now() FROM places
             WHERE parent_id IS NULL;",
        )
        .await;
        self.sql(EVERYBODY).await;
    }

    /// The id of the place of that name.
    pub fn place_id(&self, words: &str) -> String {
        self.app().places.tree().find(words).unwrap().id.to_string()
    }
}

impl Browser {
    /// The form for a new client, filled in as for a confidential one.
    pub async fn new_client_form(&self) -> Form {
        let page = self.get(urls::NEW_CLIENT).await.assert(200);
        let form = page.form("Register client").set("name", "Team notes").set("type", "confidential");
        form.set("auth_method", "client_secret_post").set("redirect_uris", NOTES_CALLBACK)
    }

    /// Registers a client by the page: it, with its secret.
    pub async fn register_client(&self, node: &Node, form: &Form) -> Client {
        made(node, &self.submit(form).await)
    }
}

/// The client that a page says was made, with its secret if it has one.
#[track_caller]
pub fn made(node: &Node, page: &Answer) -> Client {
    assert_eq!(page.status, 200, "{}", page.body);
    assert!(page.header("cache-control").contains("no-store"));
    let id = page.text_of("client-id").unwrap_or_else(|| panic!("no client was made: {}", page.words()));
    let mut client = Client::known(node, &id, NOTES_CALLBACK);
    if let Some(secret) = page.text_of("client-secret") {
        node.is_secret(&secret);
        (client.secret, client.auth_method) = (Some(secret), "client_secret_post".to_owned());
    }
    client
}

impl Browser {
    /// Sends a form as one with a file.
    pub async fn upload(&self, node: &Node, form: &Form, file: &[u8]) -> Answer {
        let boundary = "a-boundary-of-a-test";
        let mut body = Vec::new();
        for (name, value) in form.fields.iter().filter(|(name, _)| name != "image") {
            body.extend(
                format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").bytes(),
            );
        }
        let head = "Content-Disposition: form-data; name=\"image\"; filename=\"logo.png\"\r\nContent-Type: image/png";
        body.extend(format!("--{boundary}\r\n{head}\r\n\r\n").bytes());
        body.extend(file);
        body.extend(format!("\r\n--{boundary}--\r\n").bytes());
        let request = node.request(Method::POST, &form.action);
        let kind = format!("multipart/form-data; boundary={boundary}");
        self.send(request.header("content-type", kind).body(body)).await
    }

    /// Posts these fields to a path of ours as a form of its own, with the token of `form`.
    pub async fn post_as(&self, node: &Node, form: &Form, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = form.value("csrf");
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("csrf", token.as_str())]).collect();
        self.send(with_form(node.request(Method::POST, path), &fields)).await
    }
}
