//! `api/openapi.json` and the gateway say the same.

use crate::api::{gateway, get, post, run};
use crate::node::TestNode;
use ciro_gateway::routes;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

fn schema() -> Value {
    serde_json::from_str(include_str!("../../../../../api/openapi.json")).expect("the schema is JSON")
}

#[test]
fn the_schema_lists_exactly_the_routes_that_are_served() {
    let schema = schema();
    let paths = schema["paths"].as_object().expect("paths");
    let methods =
        |item: &Value| item.as_object().expect("methods").keys().map(|m| m.to_uppercase()).collect::<Vec<_>>();
    let written: BTreeSet<(String, String)> =
        paths.iter().flat_map(|(path, item)| methods(item).into_iter().map(|m| (m, path.clone()))).collect();
    let served: BTreeSet<(String, String)> =
        routes().into_iter().map(|route| (route.method.to_string(), route.path.to_string())).collect();
    assert_eq!(written, served);
}

#[test]
fn every_reference_in_the_schema_resolves() {
    let schema = schema();
    let mut open = vec![&schema];
    let mut references = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    let pointer = target.strip_prefix('#').expect("a local reference");
                    assert!(schema.pointer(pointer).is_some(), "{target}");
                    references += 1;
                }
                open.extend(map.values());
            }
            Value::Array(list) => open.extend(list),
            _ => {}
        }
    }
    assert!(references > 40);
}

/// Checks that `value` has the fields of the schema `name`, no fewer and no more, as deep as the schema goes.
fn check(schema: &Value, expected: &Value, value: &Value, at: &str) {
    if let Some(Value::String(target)) = expected.get("$ref") {
        let target = schema.pointer(&target[1..]).expect("the reference resolves");
        return check(schema, target, value, at);
    }
    if let Some(options) = expected.get("anyOf").and_then(Value::as_array) {
        if !value.is_null() {
            check(schema, &options[0], value, at);
        }
        return;
    }
    if let (Some(items), Some(list)) = (expected.get("items"), value.as_array()) {
        list.iter().for_each(|item| check(schema, items, item, at));
    }
    if let Some(properties) = expected.get("properties").and_then(Value::as_object) {
        let got: BTreeSet<&String> = value.as_object().expect(at).keys().collect();
        let known: BTreeSet<&String> = properties.keys().collect();
        assert!(got.is_subset(&known), "{at}: {got:?} has more than {known:?}");
        for required in expected["required"].as_array().expect("required") {
            assert!(value.get(required.as_str().expect("a name")).is_some(), "{at}: lacks {required}");
        }
        for (name, field) in value.as_object().expect(at) {
            check(schema, &properties[name], field, &format!("{at}.{name}"));
        }
    }
}

/// Every kind of event, as serde names them where it meets one that it does not know.
fn kinds_of_events() -> BTreeSet<String> {
    let unknown = serde_json::json!({ "event": "?" });
    let words = serde_json::from_value::<ciro_state::Event>(unknown).expect_err("no such event").to_string();
    let (_, known) = words.split_once("expected one of ").expect("serde lists what it knows");
    known.split(", ").map(|name| name.trim_matches('`').to_string()).collect()
}

#[test]
fn the_schema_names_exactly_the_events_that_there_are() {
    let schema = schema();
    let written = schema["components"]["schemas"]["Event"]["properties"]["event"]["enum"].as_array().expect("names");
    let written: BTreeSet<String> = written.iter().map(|name| name.as_str().expect("a name").to_string()).collect();
    assert_eq!(written, kinds_of_events());
    assert!(written.len() > 20);
}

#[test]
fn the_schema_has_exactly_the_parameters_of_a_network() {
    let (schema, params) = (schema(), ciro_state::Params::with_block_ms(250));
    let value = serde_json::to_value(params).expect("JSON");
    let params = &schema["components"]["schemas"]["Params"];
    check(&schema, params, &value, "params");
    assert_eq!(params["required"].as_array().map(Vec::len), value.as_object().map(serde_json::Map::len));
}

#[test]
fn answers_have_the_fields_the_schema_promises() {
    let (schema, router) = (schema(), gateway(Arc::new(TestNode::new())));
    let answer = |path: &str, method: &str, status: &str| {
        schema["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"].clone()
    };
    run(async {
        let zeros = "0".repeat(64);
        let gets = [
            ("/v1/status", "/v1/status".to_string()),
            ("/v1/accounts/{account}", format!("/v1/accounts/{zeros}")),
            ("/v1/workers", "/v1/workers".to_string()),
            ("/v1/blocks/{height}", "/v1/blocks/0".to_string()),
            ("/v1/quote", "/v1/quote".to_string()),
        ];
        for (path, request) in gets {
            let (status, body) = get(&router, &request).await;
            assert_eq!(status, 200, "{request}");
            check(&schema, &answer(path, "get", "200"), &body, path);
        }
        for (path, content) in [("/v1/inputs", "x"), ("/v1/models", "M")] {
            let (status, body) = post(&router, path, "application/octet-stream", content).await;
            assert_eq!(status, 200, "{path}");
            check(&schema, &answer(path, "post", "200"), &body, path);
        }
        let (_, error) = get(&router, "/v1/jobs/1").await;
        check(&schema, &schema["components"]["schemas"]["Error"], &error, "error");
        let (_, served) = get(&router, "/v1/openapi.json").await;
        assert_eq!(served, schema);
    });
}
