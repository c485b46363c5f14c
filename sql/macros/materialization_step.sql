{#- A model that the build alone reads, and that stands nowhere before it: a table or a view in one statement.
    dbt's own table and view first make another and rename it, so that readers of a database never miss one. -#}
{%- materialization step, adapter='duckdb' -%}
    {%- set kind = config.require('kind') -%}
    {%- set target = this.incorporate(type=kind) -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {% call statement('main') -%}
        create or replace {{ kind }} {{ target }} as {{ sql }}
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}
