create table if not exists fairlead_schema (version bigint not null);
create table fairlead_attempts (
            id text primary key,
            call text not null,
            attempt bigint not null,
            at bigint not null,
            duration_ms bigint not null,
            gateway text not null,
            proxy text not null,
            namespace text not null,
            caller text not null,
            policy text not null,
            rule text not null,
            provider text not null,
            credential text not null,
            model text not null,
            upstream_model text not null,
            virtual_model text not null,
            operation text not null,
            mode text not null,
            outcome text not null,
            status bigint not null,
            basis text not null,
            input_tokens bigint not null,
            cached_input_tokens bigint not null,
            cache_write_tokens bigint not null,
            cache_write_long_tokens bigint not null,
            output_tokens bigint not null,
            reasoning_tokens bigint not null,
            cost_nano bigint,
            currency text not null,
            price text not null
        );
create index fairlead_attempts_at on fairlead_attempts (at);
create table fairlead_rollups (
            key text primary key,
            hour bigint not null,
            gateway text not null,
            namespace text not null,
            caller text not null,
            policy text not null,
            rule text not null,
            provider text not null,
            model text not null,
            upstream_model text not null,
            operation text not null,
            basis text not null,
            currency text not null,
            price text not null,
            attempts bigint not null,
            priced bigint not null,
            unpriced bigint not null,
            input_tokens bigint not null,
            cached_input_tokens bigint not null,
            cache_write_tokens bigint not null,
            cache_write_long_tokens bigint not null,
            output_tokens bigint not null,
            reasoning_tokens bigint not null,
            cost_nano bigint not null,
            input_cost_nano bigint not null,
            cached_input_cost_nano bigint not null,
            cache_write_cost_nano bigint not null,
            cache_write_long_cost_nano bigint not null,
            output_cost_nano bigint not null
        );
create index fairlead_rollups_hour on fairlead_rollups (hour);
create table fairlead_losses (
            id text primary key,
            at bigint not null,
            proxy text not null,
            reason text not null,
            attempts bigint not null
        );
create index fairlead_losses_at on fairlead_losses (at);
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('09e7e91d03d5b7e7644a.1', '09e7e91d03d5b7e7644a', 1, 1795792099348, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('27b77fc5dae1573943cb.1', '27b77fc5dae1573943cb', 1, 1795792099333, 3, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('35e9d75dbee241b1f4ae.1', '35e9d75dbee241b1f4ae', 1, 1795792099336, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('67fd67ad3e852156e03a.1', '67fd67ad3e852156e03a', 1, 1795792099345, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('78f2451a36692fc98089.1', '78f2451a36692fc98089', 1, 1795792099338, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('886584509e86b4d403cd.1', '886584509e86b4d403cd', 1, 1795792099343, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('cf06f8af3241a0928e04.1', 'cf06f8af3241a0928e04', 1, 1795792099341, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('d3d01be8d1a12133fd96.1', 'd3d01be8d1a12133fd96', 1, 1795792099340, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('da87bf0ef2c1450cd2ac.1', 'da87bf0ef2c1450cd2ac', 1, 1795792099351, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('dbd3d2661653396a97aa.1', 'dbd3d2661653396a97aa', 1, 1795792099330, 2, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('e1e98c8c16ac6fca69cb.1', 'e1e98c8c16ac6fca69cb', 1, 1795792099346, 1, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_attempts (id, call, attempt, at, duration_ms, gateway, proxy, namespace, caller, policy, rule, provider, credential, model, upstream_model, virtual_model, operation, mode, outcome, status, basis, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, currency, price) values ('e6b1b6a55cefe6d33482.1', 'e6b1b6a55cefe6d33482', 1, 1795792099350, 2, 'default/main', 'worker-0', 'default', '', 'default/smart', 'all', 'default/one', 'anonymous', 'tiny', 'tiny', 'smart', 'chat', 'plain', 'Answered', 200, 'reported', 1, 0, 0, 0, 25, 0, 152000, 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}');
insert into fairlead_rollups (key, hour, gateway, namespace, caller, policy, rule, provider, model, upstream_model, operation, basis, currency, price, attempts, priced, unpriced, input_tokens, cached_input_tokens, cache_write_tokens, cache_write_long_tokens, output_tokens, reasoning_tokens, cost_nano, input_cost_nano, cached_input_cost_nano, cache_write_cost_nano, cache_write_long_cost_nano, output_cost_nano) values ('985cc54e88ff51a370a4f98eb9b57569', 1795791600000, 'default/main', 'default', '', 'default/smart', 'all', 'default/one', 'tiny', 'tiny', 'chat', 'reported', 'USD', '{"source":"ModelProvider","above":0,"rates":{"input":2000000000,"cached_input":null,"cache_write":null,"cache_write_long":null,"output":6000000000}}', 12, 12, 0, 12, 0, 0, 0, 300, 0, 1824000, 24000, 0, 0, 0, 1800000);
insert into fairlead_schema (version) values (1);
